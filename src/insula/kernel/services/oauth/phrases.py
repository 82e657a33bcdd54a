"""Phrases: what the pages say, in the languages of the platform."""

from collections.abc import Mapping

from insula.kernel.foundation.languages import choose

RIGHT_TO_LEFT = ("ar",)

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "sign_in": "Sign in",
        "sign_in_for": "to go on to {client}",
        "email": "E-mail address",
        "password": "Password",
        "code": "Code of your second factor",
        "go_on": "Go on",
        "wrong": "The e-mail address or the password is wrong.",
        "wrong_code": "That code is wrong, used or too old.",
        "other_way": "Sign in to {tenant} in this browser first, then come back here.",
        "wants": "{client} wants to act for you",
        "as": "You are {name}. The program could do this, as far as you may yourself:",
        "everything": "Everything that you may do",
        "sends": "You then go on to {where}.",
        "withdraw": "You can withdraw this at any time in your profile.",
        "allow": "Allow",
        "deny": "Deny",
        "nobody": "This cannot go on",
        "nobody_why": "The program that sent you here is not known, or wants you sent"
        " on to an address that is not its own.",
        "forged": "This form is no longer good. Go back to the program and try again.",
    },
    "de": {
        "sign_in": "Anmelden",
        "sign_in_for": "um mit {client} fortzufahren",
        "email": "E-Mail-Adresse",
        "password": "Passwort",
        "code": "Code des zweiten Faktors",
        "go_on": "Weiter",
        "wrong": "Die E-Mail-Adresse oder das Passwort ist falsch.",
        "wrong_code": "Dieser Code ist falsch, verbraucht oder zu alt.",
        "other_way": "Melden Sie sich zuerst in diesem Browser bei {tenant} an und"
        " kommen Sie dann hierher zurück.",
        "wants": "{client} möchte für Sie handeln",
        "as": "Sie sind {name}. Das Programm dürfte, soweit Sie selbst es dürfen:",
        "everything": "Alles, was Sie dürfen",
        "sends": "Danach geht es weiter zu {where}.",
        "withdraw": "Sie können das in Ihrem Profil jederzeit zurücknehmen.",
        "allow": "Erlauben",
        "deny": "Ablehnen",
        "nobody": "Hier geht es nicht weiter",
        "nobody_why": "Das Programm, das Sie hierher geschickt hat, ist nicht bekannt"
        " oder möchte Sie an eine Adresse weiterschicken, die nicht seine ist.",
        "forged": "Dieses Formular gilt nicht mehr. Gehen Sie zum Programm zurück und"
        " versuchen Sie es noch einmal.",
    },
    "ar": {
        "sign_in": "تسجيل الدخول",
        "sign_in_for": "للمتابعة إلى {client}",
        "email": "البريد الإلكتروني",
        "password": "كلمة المرور",
        "code": "رمز العامل الثاني",
        "go_on": "متابعة",
        "wrong": "البريد الإلكتروني أو كلمة المرور غير صحيحة.",
        "wrong_code": "هذا الرمز خاطئ أو مستخدم أو قديم.",
        "other_way": "سجّل الدخول أولاً إلى {tenant} في هذا المتصفح، ثم عُد إلى هنا.",
        "wants": "يريد {client} التصرف نيابةً عنك",
        "as": "أنت {name}. يمكن للبرنامج القيام بما يلي في حدود صلاحياتك:",
        "everything": "كل ما يُسمح لك به",
        "sends": "ستنتقل بعد ذلك إلى {where}.",
        "withdraw": "يمكنك سحب ذلك في أي وقت من ملفك الشخصي.",
        "allow": "سماح",
        "deny": "رفض",
        "nobody": "لا يمكن المتابعة",
        "nobody_why": "البرنامج الذي أرسلك إلى هنا غير معروف، أو يريد إرسالك إلى"
        " عنوان ليس له.",
        "forged": "لم يعد هذا النموذج صالحاً. عُد إلى البرنامج وحاول مرة أخرى.",
    },
}


def language_of(header: bytes | None, usual: str) -> str:
    """The language of a page, as the browser wishes or as is usual here."""
    wished = None if header is None else header.decode("latin-1")
    return choose(wished, (usual,), tuple(PHRASES))


def direction_of(language: str) -> str:
    """The way in which a language is written."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"
