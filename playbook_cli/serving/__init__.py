"""The reports of a folder of studies on a local port, kept up to date while trials train: `playbook watch --web`."""
