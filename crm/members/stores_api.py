"""Stores over HTTP."""

from typing import Any

from crm import clock
from crm.db import transaction
from crm.http import Blueprint, needs
from crm.http.pagination import PageQuery, decode, page
from crm.members import stores
from crm.members.store_schemas import StoreIn, StoreOut, StorePage, StorePut

blp = Blueprint("stores", __name__, description="Shops and web shops.")


@blp.get("/stores")
@needs("stores:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, StorePage)
def list_stores(query: dict[str, Any]):
    """All stores by code, closed ones too."""
    after = decode(query["cursor"], str)
    rows = stores.listed(after[0] if after else "", query["limit"] + 1)
    return page(rows, query["limit"], lambda store: (store.code,))


@blp.post("/stores")
@needs("stores:manage")
@blp.arguments(StoreIn)
@blp.response(201, StoreOut)
def create_store(body: dict[str, Any]):
    """Open a store. Its code is what orders and storefronts call it; it never changes."""
    with transaction():
        return stores.create(body, now=clock.now())


@blp.put("/stores/<code>")
@needs("stores:manage")
@blp.arguments(StorePut)
@blp.response(200, StoreOut)
def change_store(body: dict[str, Any], code: str):
    """Write a store whole: name, kind, time zone, closed or not."""
    with transaction():
        return stores.change(code, body, now=clock.now())
