"""The features of segments on another engine: exported to Parquet, aggregated by ibis.

For shops whose orders no longer fit one PostgreSQL server, or whose history lies in a data lake. It
needs `requirements-scale.txt`, which nothing else does; so nothing else imports these modules.
"""
