"""The search spaces that ship with nas: one TOML file for each family."""
