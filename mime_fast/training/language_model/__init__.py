"""A pretrained language model, fine-tuned on conversations: the teacher of our own models."""
