"""Expectations of a study, for CI and scripts: what was asked, and whether it holds."""
