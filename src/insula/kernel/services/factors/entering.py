"""Entering: the answer to whoever proved who they are, by whatever means."""

from insula.kernel.access.operation import Call, Reply
from insula.kernel.identity.devices import DEVICE, LASTS
from insula.kernel.identity.operations import baked, pair
from insula.kernel.identity.sessions import Account, Origin
from insula.kernel.identity.signing_in import Realm


async def let_in(
    realm: Realm,
    account: Account,
    methods: tuple[str, ...],
    call: Call,
    *,
    cookie: bool,
) -> Reply:
    """Let somebody in, if every gate lets them, and know the device from now on."""
    ctx = realm.ctx
    origin = Origin(ctx.request_id, ctx.client, call.user_agent)
    signed_in = await realm.enter(account, methods, origin)
    if cookie:
        reply = await baked(realm, signed_in, secure=call.secure)
    else:
        reply = pair(signed_in)
    known = realm.doors.throttle.introduce(ctx, account.id)
    if known is not None:
        device = DEVICE.give(known, LASTS, secure=call.secure)
        reply.headers = (*reply.headers, device)
    return reply
