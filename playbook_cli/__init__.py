"""Playbook: tuning studies of PyTorch models as a scientific process.

A training script needs two names from here, `current_trial` and `Trial`; importing them costs no more than the
standard library's json.
"""

from playbook_cli.client import Trial, current_trial

__all__ = ["Trial", "__version__", "current_trial"]
__version__ = "0.1.0"
