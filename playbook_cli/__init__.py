"""Playbook: tuning studies of PyTorch models as a scientific process.

A training script needs two names from here, `current_trial` and `Trial`; importing them costs no more than the
standard library's json, and nothing before one of them is asked for.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from playbook_cli.client import Trial, current_trial

__all__ = ["Trial", "__version__", "current_trial"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in ("Trial", "current_trial"):
        from playbook_cli import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
