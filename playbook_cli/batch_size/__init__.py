"""The batch size: which ones fit, how fast each trains, where doubling stops paying, and steps to a target for each.

The rules are the playbook's (Choosing the batch size): powers of two until memory runs out, examples per second for
each, and the largest one that still makes training faster; it is never tuned for validation performance.
"""
