"""Training: the LightningModule, the data module, callbacks, loggers, and what builds a Trainer."""
