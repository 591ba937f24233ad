"""AsyncGenerator beside Generator.respond: its cost, replies a second, and its memory."""
