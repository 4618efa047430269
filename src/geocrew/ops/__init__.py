"""What operators see of a running geocrew."""
