"""The toolkit that checks signed XML: an extra, which not every installation needs."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from insula.kernel.foundation.errors import Problem


class SamlMissing(Problem):
    """SAML is not set up on this server: whoever runs it installs insula[saml]."""

    status = 424
    code = "SSO_SAML_MISSING"


@dataclass(frozen=True, slots=True)
class Toolkit:
    """What of it is used, without types of its own, and how it fails."""

    response: Any
    settings: Any
    faults: tuple[type[Exception], ...]
    """How it fails, and how parsers do on what no provider sends."""


PARSERS = (
    *(ArithmeticError, AttributeError, LookupError),
    *(SyntaxError, TypeError, ValueError),
)


@cache
def _load() -> Toolkit:
    within = "onelogin.saml2"
    utils = import_module(f"{within}.utils")
    return Toolkit(
        response=import_module(f"{within}.response").OneLogin_Saml2_Response,
        settings=import_module(f"{within}.settings").OneLogin_Saml2_Settings,
        faults=(
            utils.OneLogin_Saml2_Error,
            utils.OneLogin_Saml2_ValidationError,
            import_module("lxml.etree").LxmlError,
            import_module("xmlsec").Error,
            *PARSERS,
        ),
    )


def toolkit() -> Toolkit:
    """The toolkit; raises ``SamlMissing`` where it is not installed."""
    try:
        return _load()
    except ImportError:
        raise SamlMissing from None
