"""The requests and answers of OpenAI's interface."""
