"""Networks: blurred images to restored ones, coarse to fine."""
