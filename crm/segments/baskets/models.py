"""Tables of baskets: both are made anew by the nightly job, in one transaction."""

from datetime import date

from sqlalchemy import CheckConstraint, Float, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db import Base


class ProductFigure(Base):
    """A product that members bought lately: its newest name and category, and how many bought it.

    `category` is empty where lines name none. `buyers` are those of the sample the build read.
    """

    __tablename__ = "product_figure"
    __table_args__ = (
        Index("ix_product_figure_category_buyers", "category", text("buyers DESC"), "sku"),
        Index("ix_product_figure_buyers", text("buyers DESC"), "sku"),
    )

    sku: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    category: Mapped[str]
    buyers: Mapped[int]
    last_day: Mapped[date]


class ProductPair(Base):
    """Customers who bought `sku` bought `next_sku` with it or within 90 days of it.

    Among `buyers` of the first, `buyers_of_both` did: `confidence` is that share, `support` the
    share of all customers, `lift` how many times the second one's share among all customers.
    `segment` is empty for all customers, else a segment's code.
    """

    __tablename__ = "product_pair"
    __table_args__ = (
        CheckConstraint(
            "0 < support AND support <= confidence AND confidence <= 1 AND sku <> next_sku",
            name="shares",
        ),
    )

    sku: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    next_sku: Mapped[str] = mapped_column(primary_key=True)
    buyers: Mapped[int]
    buyers_of_both: Mapped[int]
    support: Mapped[float] = mapped_column(Float)
    confidence: Mapped[float] = mapped_column(Float)
    lift: Mapped[float] = mapped_column(Float)
