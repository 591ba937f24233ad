"""An HTTP server with OpenAI's interface: mime-fast serve, or create_app() within another app."""
