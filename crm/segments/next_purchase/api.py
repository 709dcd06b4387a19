"""The API of next purchases: the model in use, and how it did in its back-test."""

from crm.http import Blueprint, needs
from crm.segments.next_purchase import documents, model_documents
from crm.segments.next_purchase.errors import NoModelYet
from crm.segments.next_purchase.schemas import ModelOut

blp = Blueprint("next_purchase", __name__, description="Who buys soon, and when.")


@blp.get("/next-purchase-model")
@needs("segments:read")
@blp.response(200, ModelOut)
def read_model():
    """The newest models, one per horizon: how each was chosen, and its figures in the back-test.

    The back-test is over the last full window: each candidate learned from what was known before it
    only, then foretold it. `calibration` sets promised against come, for tenths of the members.
    `categories` is the same for buying in a category, with how it did in each.
    """
    model = documents.current()
    if model is None:
        raise NoModelYet()
    return model_documents.back_test(model)
