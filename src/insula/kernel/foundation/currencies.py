"""Currencies: those of ISO 4217 in use, and how many digits their minor units have.

The exponents are the standard's. CLDR's are about how prices are shown where people no
longer use small coins (it has none for AFN), so sums of money must not follow them.
"""

from collections.abc import Mapping

from insula.kernel.foundation.words import Words

CODES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD
    BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP
    DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL
    LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR
    NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN
    UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905  # to be read
)
USUAL = "USD"
"""In which a tenant counts that does not say otherwise."""
OTHER_EXPONENTS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Of those currencies whose minor unit is no hundredth."""


class UnknownCurrency(ValueError):
    """No currency in use has that code."""


def known_currency(code: str) -> str:
    """The code itself; raises ``UnknownCurrency``."""
    if code not in CODES:
        raise UnknownCurrency(Words("no currency in use has this code"))
    return code


def exponent(currency: str) -> int:
    """How many digits a currency's minor unit has: 2 for EUR, 0 for JPY."""
    return OTHER_EXPONENTS.get(known_currency(currency), 2)
