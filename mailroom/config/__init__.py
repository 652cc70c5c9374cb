"""From the environment's text to MAILERS: URLs, what they name, and channels."""
