"""Training of mime-base: pairs of a context and a reply, and what is learned of them."""
