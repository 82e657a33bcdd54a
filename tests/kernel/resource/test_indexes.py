"""Indexes follow from the declaration: what rows are looked for by begins one."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import MetaData

from insula.sdk import (
    Code,
    Holds,
    Mapped,
    Resource,
    ShortText,
    TenantModel,
    column,
    ref,
)


class Shown(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData()


class Status(StrEnum):
    open = "open"
    paid = "paid"


class Account(Shown):
    __tablename__ = "social_accounts"
    handle: Mapped[Code] = column(holds=Holds.nothing)


class Post(Shown):
    __tablename__ = "social_posts"
    account_id: Mapped[UUID] = ref("social.accounts")
    scheduled_at: Mapped[datetime] = column()


class Site(Shown):
    __tablename__ = "sites_bio_sites"
    owner_id: Mapped[UUID] = column()
    subdomain: Mapped[Code] = column(unique=True, holds=Holds.nothing)
    custom_domain: Mapped[ShortText | None] = column(
        default=None, unique=True, holds=Holds.nothing
    )


class Product(Shown):
    __tablename__ = "commerce_products"
    owner_id: Mapped[UUID] = column()
    category: Mapped[Code] = column(holds=Holds.nothing)


class Order(Shown):
    __tablename__ = "commerce_orders"
    owner_id: Mapped[UUID] = column()
    status: Mapped[Status] = column(default=Status.open)


class Visitor(Shown):
    __tablename__ = "analytics_visitors"
    site_id: Mapped[UUID] = ref("sites.bio_sites")


class Happening(Shown):
    __tablename__ = "analytics_events"
    owner_id: Mapped[UUID] = column()
    kind: Mapped[Code] = column(holds=Holds.nothing)


DECLARED = (
    Resource(Post, filters=(Post.account_id,), sort=(Post.scheduled_at,)),
    Resource(Site, owner=Site.owner_id, filters=(Site.subdomain, Site.custom_domain)),
    Resource(Product, owner=Product.owner_id, filters=(Product.category,)),
    Resource(Order, owner=Order.owner_id, filters=(Order.status,)),
    Resource(Visitor, filters=(Visitor.site_id,), sort=(Visitor.created_at,)),
    Resource(Happening, owner=Happening.owner_id, filters=(Happening.kind,)),
)


@pytest.mark.parametrize("resource", DECLARED, ids=lambda it: it.name)
def test_what_rows_are_looked_for_by_begins_an_index(resource: Resource[Shown]) -> None:
    """S3-60, S3-61, S3-62, S3-63: posts, sites, products, visits, as their apps will."""
    begun = {
        tuple(str(part).rpartition(".")[2].split(" ")[0] for part in it.expressions)[:2]
        for it in resource.table.indexes
    }
    sought = {it.key for it in (*resource.filters, *resource.sort)}
    sought |= {resource.owner} if resource.owner else set()
    assert {("tenant_id", it) for it in sought} <= begun
