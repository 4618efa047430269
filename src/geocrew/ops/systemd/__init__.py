"""The systemd units of the workers: rendered from one template, installed, checked."""
