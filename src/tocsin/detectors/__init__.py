"""What judges points, lines and events."""
