"""Files: networks and checkpoints as safetensors, never a pickle."""
