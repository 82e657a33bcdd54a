"""Views: proofs and factors as the API takes and tells them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticKnownError

from insula.kernel.identity.operations import TokenPair
from insula.kernel.resource.declaration import Command
from insula.kernel.services.accounts.bodies import Name
from insula.kernel.services.factors.holdings import Method

REF = "#/components/schemas/{model}"
Base64Url = Annotated[str, Field(max_length=20_000, pattern=r"^[A-Za-z0-9_-]*={0,2}$")]
Code = Annotated[str, Field(min_length=1, max_length=32, examples=["123456"])]
Challenge = Annotated[str, Field(min_length=1, max_length=200)]


class FromBrowser(BaseModel):
    """What a browser made; what it says beyond the standard's fields is not read."""

    model_config = ConfigDict(extra="ignore", strict=True)


class PasskeyAttestation(FromBrowser):
    """The part of a new passkey that says what was made."""

    clientDataJSON: Base64Url  # noqa: N815  # of the standard
    attestationObject: Base64Url  # noqa: N815  # of the standard


class PasskeyCreated(FromBrowser):
    """A new passkey, as `PublicKeyCredential.toJSON()` gives it."""

    id: Base64Url
    rawId: Base64Url  # noqa: N815  # of the standard
    type: Literal["public-key"]
    response: PasskeyAttestation


class PasskeySignature(FromBrowser):
    """The part of a passkey's use that proves something."""

    clientDataJSON: Base64Url  # noqa: N815  # of the standard
    authenticatorData: Base64Url  # noqa: N815  # of the standard
    signature: Base64Url
    userHandle: Base64Url | None = None  # noqa: N815  # of the standard


class PasskeyAssertion(FromBrowser):
    """A passkey's use, as `PublicKeyCredential.toJSON()` gives it."""

    id: Base64Url
    rawId: Base64Url  # noqa: N815  # of the standard
    type: Literal["public-key"]
    response: PasskeySignature


NEEDS = {Method.password: "password", Method.passkey: "passkey"}
"""Which field carries the proof, where it is not the code."""


def _needed(value: Any, info: ValidationInfo) -> Any:
    """The field that the method needs is not left out."""
    method = info.data.get("method")
    if value is not None or method is None:
        return value
    if info.field_name == NEEDS.get(Method(method), "code"):
        raise PydanticKnownError("missing")
    return value


Needed = AfterValidator(_needed)
CodeIfNeeded = Annotated[Code | None, Field(validate_default=True), Needed]
PasskeyIfNeeded = Annotated[
    PasskeyAssertion | None, Field(validate_default=True), Needed
]
PasswordIfNeeded = Annotated[
    Annotated[
        str,
        Field(min_length=1, max_length=256, json_schema_extra={"format": "password"}),
    ]
    | None,
    Field(validate_default=True),
    Needed,
]


class SecondFactor(Command):
    """The second step of a sign-in: a code, or the use of a passkey."""

    challenge: Challenge
    method: Literal["totp", "backup_code", "passkey"]
    code: CodeIfNeeded = None
    passkey: PasskeyIfNeeded = None
    cookie: bool = False
    """Whether a browser keeps the session in a cookie, instead of tokens."""


class SecondFactorDone(TokenPair):
    """The tokens of a sign-in; backup codes, this once, if it has just made them."""

    backup_codes: list[str] = Field(default_factory=list)


class StepUpProof(Command):
    """Who asks for something that matters proves once more who they are."""

    method: Annotated[Method, Field(strict=False)]
    password: PasswordIfNeeded = None
    code: CodeIfNeeded = None
    passkey: PasskeyIfNeeded = None


class StepUpDone(BaseModel):
    """When the person behind this session last proved who they are."""

    proved_at: datetime


class SecondFactorEnrolment(Command):
    """The challenge of a sign-in that asks for a second factor to be made."""

    challenge: Challenge


class PasskeyQuestion(Command):
    """The challenge of a sign-in that waits for its second step, if there is one."""

    challenge: Challenge | None = None


class SignInByPasskey(Command):
    """A passkey's use, instead of e-mail and password."""

    passkey: PasskeyAssertion
    cookie: bool = False


class NewPasskey(Command):
    """A passkey that was made, and what its owner calls it."""

    name: Name
    passkey: PasskeyCreated


class PasskeyRenaming(Command):
    """What a passkey is called from now on."""

    name: Name


class MagicLinkWanted(Command):
    """Whom a link is to be sent that signs them in."""

    email: Annotated[
        str, Field(min_length=3, max_length=255, examples=["ada@acme.test"])
    ]


class MagicLinkUse(Command):
    """What came behind the `#` of the link."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    cookie: bool = False


class TotpSecret(BaseModel):
    """What an authenticator app must know: as a QR code says it, and to type in."""

    secret: str
    uri: str


class TotpConfirmation(Command):
    """The first code of an authenticator app."""

    code: Code


class BackupCodesShown(BaseModel):
    """New backup codes, shown this once; none where there were some already."""

    backup_codes: list[str]


class PasskeyOptions(BaseModel):
    """What to call `navigator.credentials` with, after `parse…OptionsFromJSON()`."""

    public_key: dict[str, Any]


class PasskeyView(BaseModel):
    """A passkey as its owner sees it."""

    id: UUID
    name: str
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


class PasskeyMade(PasskeyView):
    """A new passkey, and backup codes if there were none."""

    backup_codes: list[str]


class FactorsView(BaseModel):
    """The second factors of whoever asks."""

    required: bool
    methods: list[Method]
    totp_since: datetime | None
    passkeys: list[PasskeyView]
    backup_codes_left: int


def schema_of(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    """The JSON Schema of an answer, made when it is asked for."""
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)
