"""`mime-fast report`: one self-contained HTML page about any number of systems."""
