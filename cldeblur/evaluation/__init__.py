"""How good a restored image is: metrics, protocols, restoring whole images, results and pictures."""
