"""Which addresses may be called: the table of what must never be, and the same said over random addresses."""

import ipaddress

import pytest
from hypothesis import given, strategies as st

from gateway.webhooks.addresses import Policy, is_public
from gateway.webhooks.errors import WebhookAddress

NOBODY = Policy()
CLOSED = ["0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1"]
OPEN = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 223.255.255.254 " \
       "2001:4860:4860::8888 2400:3200::1 2606:4700::1111 2a00:1450::1"


@pytest.mark.parametrize("address", CLOSED)
def test_closed(address: str):
    assert not NOBODY.admits(address)


@pytest.mark.parametrize("address", OPEN.split())
def test_open(address: str):
    assert NOBODY.admits(address) and not NOBODY.admits(address, "http")


@given(st.ip_addresses())
def test_nothing_is_public_that_the_library_knows_as_special(address):
    if is_public(address):
        assert not (address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
                    or address.is_reserved or address.is_unspecified)


@given(st.ip_addresses(v=4))
def test_a_version_4_address_inside_another_form_opens_nothing(address):
    number = int(address)
    for form in ((0xFFFF << 32) | number, number, (0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80)):
        assert not is_public(ipaddress.IPv6Address(form))


@given(st.ip_addresses(v=4))
def test_what_the_operator_allows(address):
    ours = Policy.of("10.20.0.0/16, 127.0.0.1/32,fd00::/8")
    allowed = address in ipaddress.ip_network("10.20.0.0/16") or str(address) == "127.0.0.1"
    assert ours.admits(str(address), "http") == allowed
    assert ours.admits(str(address)) == (allowed or NOBODY.admits(str(address)))


def test_networks_are_read_strictly():
    with pytest.raises(ValueError):
        Policy.of("10.0.0.1/8")


@pytest.mark.parametrize(("url", "reason"), [
    ("http://partner.example/hook", "scheme"), ("ftp://partner.example/", "scheme"), ("file:///etc/passwd", "scheme"),
    ("//partner.example/", "scheme"), ("partner.example/hook", "scheme"), ("javascript:alert(1)", "scheme"),
    ("https://user@partner.example/", "user"), ("https://user:word@partner.example/", "user"), ("https://:@partner.example/", "user"),
    ("https://partner.example:22/", "port"), ("https://partner.example:80/", "port"), ("https://partner.example:0/", "port"),
    ("https://partner.example:99999/", "unreadable"), ("https://partner.example:x/", "unreadable"),
    ("https:///hook", "host"), ("https://partner..example/", "unreadable"), ("https://./", "unreadable"),
    ("https://2130706433/", "host"), ("https://0x7f000001/", "host"), ("https://0177.0.0.1/", "host"), ("https://127.1/", "host"),
    ("https://127.0.0.0x1/", "host"), ("https://1.2.3.4.5/", "host"), ("https://010.0.0.1/", "host"),
    ("https://127.0.0.1/", "network"), ("https://169.254.169.254/latest", "network"), ("https://[::1]/", "network"),
    ("https://[::ffff:10.0.0.1]/", "network"), ("https://[fe80::1]/", "network"), ("https://１２７.０.０.１/", "network"),
    ("https://①⑳.example\\@10.0.0.1/", "unreadable"), ("https://partner.example/a b", "unreadable"), ("https://[::1", "unreadable"),
    ("https://partner.example/\n", "unreadable"), ("https://" + "a" * 64 + ".example/", "unreadable"),
])  # fmt: skip
def test_urls_refused(url: str, reason: str):
    with pytest.raises(WebhookAddress) as refused:
        NOBODY.check(url)
    assert refused.value.members["reason"] == reason


@pytest.mark.parametrize("url", [
    "https://partner.example/hook?x=1", "https://partner.example:8443/", "https://8.8.8.8/", "https://[2606:4700::1111]:8443/x",
    "https://例え.example/回调", "https://partner.example./",
])  # fmt: skip
def test_urls_taken(url: str):
    NOBODY.check(url)


def test_plain_http_only_where_the_operator_has_networks():
    Policy.of("127.0.0.1/32").check("http://127.0.0.1:9000/hook")
    with pytest.raises(WebhookAddress):
        Policy.of("127.0.0.1/32").check("http://8.8.8.8/hook")


EVERYWHERE = Policy.of("0.0.0.0/0, ::/0")
PUBLIC = ["partner.example", "partner.example.", "local.example", "sub.internal.com", "mylocal.cn", "例え.公司", "localhost.partner.example"]
INTERNAL = ["erp", "erp.", "erp.local", "Erp.LAN", "a.b.internal", "x.home.arpa", "localhost", "partner.test"]


@pytest.mark.parametrize("ours", [EVERYWHERE, Policy.of("10.0.0.0/8")])
@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_name_needs_https_whatever_is_allowed(ours: Policy, host: str):
    ours.check(f"https://{host}/hook")
    with pytest.raises(WebhookAddress) as refused:
        ours.check(f"http://{host}/hook")
    assert refused.value.members["reason"] == "scheme"


@pytest.mark.parametrize("host", INTERNAL)
def test_plain_http_to_a_name_of_the_premises(host: str):
    Policy.of("10.0.0.0/8").check(f"http://{host}:8080/hook")
    with pytest.raises(WebhookAddress):
        NOBODY.check(f"http://{host}:8080/hook")


@given(st.text(max_size=60))
def test_no_url_makes_it_stumble(text: str):
    for url in (text, f"https://{text}", f"https://{text}.example/"):
        try:
            NOBODY.check(url)
        except WebhookAddress:
            pass
