"""Whether training is unstable just above its best learning rate, and what fixes it: warmup or gradient clipping.

The procedure is the playbook's (How can optimization failures be debugged and mitigated?). How to distinguish a rising
loss from noise, which the playbook leaves open, is defined in `rise`.
"""
