"""The initial max_train_steps: a grid of constant learning rates, the fastest to fit, and whether it can be trusted.

The algorithm is the playbook's (Choosing the initial value for max_train_steps using learning rate sweeps).
"""
