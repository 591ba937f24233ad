"""Human evaluation after MIME's protocol: a local page, a database of votes, the results.

Needs the extra `annotate`, and no torch.
"""
