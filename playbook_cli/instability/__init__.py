"""Whether training is unstable just above its best learning rate, and what mends it: a warm-up, or clipped gradients.

The procedure is the playbook's (How can optimization failures be debugged and mitigated?). What it leaves open, how a
rising loss is told from noise above all, is in `rise`.
"""
