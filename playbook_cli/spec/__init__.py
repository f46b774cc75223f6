"""YAML -> a validated study."""
