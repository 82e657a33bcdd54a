"""Preferences: how each user wants to be told of what."""

from collections.abc import Sequence

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.words import Words
from insula.kernel.resource.notification import LAST_LANGUAGE, spoken
from insula.kernel.services.audit.noting import note
from insula.kernel.services.notifications.kinds import Kinds
from insula.kernel.services.notifications.statements import (
    ADD_WISHES,
    BY_ID,
    FORGET_WISHES,
    LOCK_USER,
    WISHES,
)
from insula.kernel.services.notifications.views import (
    KindView,
    Preferences,
    UsersAlone,
    Wishes,
    WishView,
    own_id,
    schema_of,
)

PATH = "/api/v1/notification-preferences"


class PreferenceOperations:
    """Reading and choosing, over the kinds of this installation."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds

    async def read(self, ctx: Context, _: Call) -> Reply:
        """All kinds, and what the caller chose for them."""
        async with ctx.session.transaction() as transaction:
            return await self._told(ctx, transaction)

    async def replace(self, ctx: Context, call: Call) -> Reply:
        """Choose anew; what is not named comes as usual."""
        user, body = own_id(ctx), call.body
        wishes: Sequence[WishView] = body.preferences
        self._check(wishes)
        async with ctx.session.transaction() as transaction:
            await transaction.fetch(LOCK_USER, user)
            await transaction.fetch(FORGET_WISHES, user)
            await transaction.fetch(
                ADD_WISHES,
                user,
                now(),
                [uuid7() for _ in wishes],
                [it.pattern for it in wishes],
                [it.in_app for it in wishes],
                [it.mail for it in wishes],
                [it.digest.value for it in wishes],
            )
            said = body.model_dump(mode="json")
            row = "notification_preference", None
            await note(transaction, ctx, "notification_preferences.replace", row, said)
            return await self._told(ctx, transaction)

    def _check(self, wishes: Sequence[WishView]) -> None:
        seen: set[str] = set()
        for at, wish in enumerate(wishes):
            field = f"preferences.{at}.pattern"
            if not self._kinds.know(wish.pattern):
                words = Words("There is no such kind of notification.")
                raise Invalid(FieldError(field, "unknown", words))
            if wish.pattern in seen:
                raise Invalid(FieldError(field, "taken", "This was named before."))
            seen.add(wish.pattern)

    async def _told(self, ctx: Context, transaction: Transaction) -> Reply:
        user = own_id(ctx)
        people = await transaction.fetch(BY_ID, [user])
        language = people[0]["locale"] if people else None
        rows = await transaction.fetch(WISHES, [user])
        chosen = [
            WishView(**{name: row[name] for name in WishView.model_fields})
            for row in sorted(rows, key=lambda it: str(it["pattern"]))
        ]
        kinds = [
            KindView(
                name=it.name,
                title=spoken(it.titles, language or LAST_LANGUAGE),
                in_app=it.usual.in_app,
                mail=it.usual.mail,
                digest=it.usual.digest,
            )
            for it in self._kinds
        ]
        told = Preferences(kinds=kinds, preferences=chosen)
        return Reply(told.model_dump_json().encode())

    def operations(self) -> tuple[Operation, ...]:
        """Both of them."""
        return (
            Operation(
                name="notification_preferences.read", method="GET", path=PATH,
                run=self.read, summary="How I am notified, and of what",
                writes=False, answer=schema_of(Preferences), errors=(UsersAlone,),
            ),
            Operation(
                name="notification_preferences.replace", method="POST", path=PATH,
                run=self.replace, summary="Choose how I am notified", body=Wishes,
                answer=schema_of(Preferences), errors=(Invalid, UsersAlone),
            ),
        )  # fmt: skip
