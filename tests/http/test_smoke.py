"""x"""
import pytest
from tests.http.conftest import Someone, purchase
pytestmark = pytest.mark.anyio

async def test_it(shop: Someone) -> None:
    for m, p, b in [
        ("POST","/v1/activities",purchase()),("POST","/v1/activities",purchase()),("GET","/v1/members/ann",None),
        ("GET","/v1/activities?source=shop&id=order-1",None),("GET","/v1/members/ann/history",None),("GET","/v1/members/ann/lots",None),
        ("GET","/v1/members/ann/statement",None),("GET","/v1/members/ann/expiring",None),
        ("POST","/v1/activities/simulate",purchase("x")),("POST","/v1/activities/batch",[purchase("b1"),purchase("b2",member="zoe"),{"a":1}]),
        ("POST","/v1/redemptions",{"id":"r1","member":"ann","currency":"points","points":10}),
        ("POST","/v1/adjustments",{"id":"a1","member":"ann","currency":"points","points":10,"reason":"x"}),
        ("POST","/v1/returns",{"id":"t1","source":"shop","activity":{"source":"shop","id":"order-1"},"occurred_at":"2026-11-21T12:00:00+01:00","amount_minor":500}),
        ("GET","/v1/log",None),("GET","/v1/audit/members/ann",None),("POST","/v1/audit/verify",None),
        ("GET","/v1/rulebooks",None),("GET","/v1/rulebooks/1",None),("GET","/v1/rulebooks/rb_1",None),("GET","/v1/clock",None),("GET","/v1/keys",None),
        ("POST","/v1/clock",{"now":"2027-11-21T12:00:00+01:00"}),("GET","/livez",None),("GET","/readyz",None),("GET","/metrics",None),("GET","/nothing",None),("DELETE","/v1/activities",None),
        ("DELETE","/v1/members/ann",None),("GET","/v1/members/ann",None),
    ]:
        import msgspec
        a = await shop.ask(m,p,**({"content":msgspec.json.encode(b)} if b is not None else {}))
        print(m,p,a.status_code,a.text[:400] if p!="/metrics" else "")
        print(dict(a.headers))
