"""Starting the product with one command: services, migrations, demo, processes, and their end.

Knows no other part of the product: it only runs its commands (`python -m crm …`, `wsgi:app`).
"""
