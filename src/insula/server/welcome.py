"""The welcome page: what a person finds who opens a host in a browser."""

from html import escape

import msgspec

from insula import __version__
from insula.kernel.http.application import Plain
from insula.kernel.http.request import Request
from insula.kernel.http.walk import Hosts
from insula.kernel.tenancy.directory import Directory
from insula.kernel.tenancy.signals import TenantNotFound

STYLE = """
:root { color-scheme: light dark; font: 17px/1.6 system-ui, sans-serif; }
body { max-width: 40rem; margin: 12vh auto; padding: 0 1.5rem; }
h1 { font-size: 2.2rem; line-height: 1.2; margin: 0 0 .3em; }
p.kind { letter-spacing: .08em; text-transform: uppercase; font-size: .8rem;
  opacity: .75; margin: 0; }
pre { padding: 1rem; border-radius: .5rem; background: #8882; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .85rem; }
a { color: inherit; }
"""
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style></head>
<body><main>
<p class="kind">{kind}</p>
<h1>{title}</h1>
{body}
</main></body></html>
"""
SIGN_IN = """<p>Sign in over the API, then work with the token that you get:</p>
<pre>curl -s {url}/api/v1/auth/login \\
  -H 'Content-Type: application/json' \\
  -d '{{"email":"you@example.org","password":"…"}}'</pre>
<p>Everything that can be done here is described in
<a href="/openapi.json">the OpenAPI document</a>.</p>"""
PLATFORM = """<p>Each organisation has a host of its own, such as
<code>acme.{host}</code>. Operators work on <code>admin.{host}</code>.</p>
<p><a href="/health">Health</a> · <a href="/openapi.json">OpenAPI</a></p>"""
NOBODY = "<p>No organisation lives at this address. Check the spelling of its name.</p>"


class Welcome:
    """Answers ``/``: people with a page, programs with the same in JSON."""

    def __init__(self, hosts: Hosts, directory: Directory) -> None:
        self._hosts, self._directory = hosts, directory

    async def __call__(self, request: Request) -> Plain:
        """The page of the host that was asked."""
        host = request.origin.host
        port = f":{request.origin.port}" if request.origin.port else ""
        place = SIGN_IN.format(url=escape(f"{request.origin.scheme}://{host}{port}"))
        if self._hosts.central(host):
            body = PLATFORM.format(host=escape(f"{host}{port}"))
            return _answer(request, 200, "Platform", "Insula", body)
        if host == self._hosts.admin:
            return _answer(request, 200, "Operators", "Insula", place)
        try:
            tenant = await self._directory.at_host(host)
        except TenantNotFound as problem:
            if not _is_person(request):
                raise
            return _answer(request, 404, "Not found", problem.message, NOBODY)
        return _answer(request, 200, "On Insula", tenant.name, place)


def _is_person(request: Request) -> bool:
    return b"text/html" in request.headers.get(b"accept", b"")


def _answer(request: Request, status: int, kind: str, title: str, body: str) -> Plain:
    if _is_person(request):
        text = PAGE.format(style=STYLE, kind=kind, title=escape(title), body=body)
        return status, "text/html; charset=utf-8", text.encode()
    data = {"name": title, "version": __version__, "openapi": "/openapi.json"}
    document = {"success": True, "message": "", "data": data}
    return status, "application/json", msgspec.json.encode(document)
