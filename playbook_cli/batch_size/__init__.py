"""The batch size: which sizes fit, how fast each trains, when doubling stops paying off, and steps to a target.

The rules are the playbook's (Choosing the batch size): powers of two until memory runs out, examples per second for
each, and the largest one that still makes training faster; it is never tuned for validation performance.
"""
