"""The ledger of a folder of studies: which of them became the baseline, on what evidence, and what people noted."""
