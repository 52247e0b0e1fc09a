"""Letters by SMTP, with the standard library in a thread: few are under way at once, and each may take its time."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from application.notices.telling import Mail, NotSent


class SmtpPost:
    """The port `Post`. `url` is smtp://, smtp+starttls:// or smtps://, with user and password if the server asks."""

    def __init__(self, url: str | None) -> None:
        self._url = url

    def __repr__(self) -> str:
        return "SmtpPost(...)"

    async def send(self, mail: Mail, seconds: float) -> None:
        if self._url is None:
            raise NotSent("no mail server is set: GUERDON_SMTP_URL")
        await asyncio.to_thread(self._send, self._url, mail, seconds)

    def _send(self, url: str, mail: Mail, seconds: float) -> None:
        try:
            letter = _letter(mail)
        except ValueError as error:
            raise NotSent(f"no letter can be made: {error}", final=True) from None
        place = urlsplit(url)
        host, port = place.hostname or "localhost", place.port or (465 if place.scheme == "smtps" else 25)
        try:
            if place.scheme == "smtps":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    host, port, timeout=seconds, context=ssl.create_default_context()
                )
            else:
                server = smtplib.SMTP(host, port, timeout=seconds)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server cannot be reached: {type(error).__name__}") from None
        with server:
            try:
                if place.scheme == "smtp+starttls":
                    server.starttls(context=ssl.create_default_context())
                if place.username:
                    server.login(unquote(place.username), unquote(place.password or ""))
                server.send_message(letter)
            except smtplib.SMTPRecipientsRefused as error:
                (code, _) = next(iter(error.recipients.values()))
                raise NotSent(f"the address is refused: {code}", final=code >= 500) from None
            except smtplib.SMTPAuthenticationError:
                raise NotSent("the mail server does not know user and password") from None
            except smtplib.SMTPResponseException as error:
                final = error.smtp_code >= 500 and error.smtp_code != 530
                raise NotSent(f"the mail server answers {error.smtp_code}", final=final) from None
            except smtplib.SMTPNotSupportedError as error:
                raise NotSent(f"the mail server cannot do this: {error}") from None


def _letter(mail: Mail) -> EmailMessage:
    letter = EmailMessage(policy=SMTP)
    letter["From"] = mail.from_
    letter["To"] = mail.to
    letter["Subject"] = mail.subject
    letter["Date"] = formatdate(usegmt=True)
    domain = parseaddr(mail.from_)[1].rpartition("@")[2]
    letter["Message-ID"] = f"<{sha256(mail.name.encode()).hexdigest()[:40]}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(mail.body)
    return letter
