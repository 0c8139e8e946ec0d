"""Train image-deblurring networks with contrastive learning and progressively sharper negatives."""

__version__ = "0.1.0"
