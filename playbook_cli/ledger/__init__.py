"""The ledger of a folder of studies: which became the baseline, with what evidence, and users' notes."""
