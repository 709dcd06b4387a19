"""Text messages: signed as the gateways' documents show, sent, answered, counted, priced."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from gateways import Stub, outgoing, stub

from crm.config import BadSetting, Config
from crm.messages.channels.calling import Answer
from crm.messages.channels.provider import Accepted, Ambiguous, Refused, TryLater
from crm.messages.channels.sms import aliyun, provider, tencent, twilio
from crm.messages.channels.sms.gateway import Account
from crm.messages.channels.sms.provider import Sms

pytestmark = pytest.mark.usefixtures("no_database")
SETTINGS = Config(
    database_url="postgresql://nobody@127.0.0.1:1/nothing",
    secret_key="x" * 32,
    sms_key_id="key",
    sms_secret="secret",
    sms_sender="Shop",
    sms_app="1400006666",
    sms_price="4.5",
    base_url="https://shop.example",
    outgoing_allow="127.0.0.0/8",
)


@pytest.fixture
def gateway() -> Iterator[Stub]:
    """A stub gateway."""
    with stub() as found:
        yield found


def made(name: str, gateway: Stub) -> Sms:
    """The channel over a stub gateway."""
    found = provider.make(replace(SETTINGS, sms_provider=name, sms_endpoint=gateway.url))
    assert found is not None
    return found


def test_alibaba_signs_as_its_document_shows():
    """The example with fixed values of "Request syntax and signature method V3"."""
    account = Account("YourAccessKeyId", "YourAccessKeySecret", "")
    headers = aliyun.signed(
        account,
        "ecs.cn-shanghai.aliyuncs.com",
        "RunInstances",
        "2014-05-26",
        {
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            "RegionId": "cn-shanghai",
        },
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_tencent_signs_as_its_document_shows():
    """The example of "Signature v3", whose secret is printed as asterisks."""
    body = (
        b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    )
    found = tencent.authorization(
        Account("AKID" + "*" * 32, "*" * 32, ""),
        "cvm.tencentcloudapi.com",
        "cvm",
        "DescribeInstances",
        body,
        at=datetime.fromtimestamp(1551113065, tz=UTC),
    )
    assert found == (
        f"TC3-HMAC-SHA256 Credential=AKID{'*' * 32}/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


@pytest.mark.parametrize(
    ("caller", "signature"),
    [
        ("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("+14158675310", "GvWf1cFY/Q7PnoempGyD5oXAezc="),
    ],
)
def test_twilio_signs_its_callbacks_as_its_documents_show(caller: str, signature: str):
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": caller,
        "Digits": "1234",
        "From": caller,
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.callback_signature("12345", url, form) == signature


def test_alibaba_gets_an_approved_template_with_its_values_by_name(gateway: Stub):
    gateway.says(200, {"Code": "OK", "BizId": "900619746936498440^0"})
    message = outgoing(
        values={"member": {"name": "李"}, "coupon": {"code": "A&B"}},
        text="{{ member.name }}，您的券 {{ coupon.code }}",
        provider_template="SMS_154950909",
    )
    (outcome,) = made("aliyun", gateway).send([message], seconds=5)
    assert outcome == Accepted("900619746936498440^0", segments=1, price=Decimal("4.5"))
    (seen,) = gateway.seen
    query = {name: value[0] for name, value in parse_qs(urlsplit(seen.path).query).items()}
    assert query == {
        "PhoneNumbers": "13800138000",
        "SignName": "Shop",
        "TemplateCode": "SMS_154950909",
        "TemplateParam": '{"member_name": "李", "coupon_code": "A&B"}',
        "OutId": str(message.id),
    }
    assert (seen.headers["x-acs-action"], seen.headers["x-acs-version"]) == (
        "SendSms", "2017-05-25",
    )  # fmt: skip
    assert seen.headers["host"] == urlsplit(gateway.url).netloc  # what was signed


def test_alibaba_sends_free_words_outside_china_and_none_without_approval_inside(gateway: Stub):
    gateway.says(200, {"ResponseCode": "OK", "MessageId": "1008"})
    sms = made("aliyun", gateway)
    abroad, at_home = sms.send([outgoing(address="+85251234567"), outgoing()], seconds=5)
    assert abroad == Accepted("1008", segments=1, price=Decimal("4.5"))
    assert at_home == Refused("no_provider_template")
    (seen,) = gateway.seen
    assert parse_qs(urlsplit(seen.path).query) == {
        "To": ["85251234567"], "Message": ["Hello"], "From": ["Shop"],
    }  # fmt: skip


def test_tencent_gets_values_in_the_order_of_the_text(gateway: Stub):
    gateway.says(
        200,
        {"Response": {"SendStatusSet": [{"SerialNo": "5000:1", "Code": "Ok", "Fee": 2}],
                      "RequestId": "r"}},
    )  # fmt: skip
    message = outgoing(
        values={"member": {"name": "Li"}, "coupon": {"code": "A1"}},
        text="{{ coupon.code }} for {{ member.name }}, {{ coupon.code }}",
        provider_template="449739",
    )
    (outcome,) = made("tencent", gateway).send([message], seconds=5)
    assert outcome == Accepted("5000:1", segments=2, price=Decimal("9.0"))
    (seen,) = gateway.seen
    assert seen.json == {
        "PhoneNumberSet": ["+8613800138000"],
        "SmsSdkAppId": "1400006666",
        "SignName": "Shop",
        "TemplateId": "449739",
        "TemplateParamSet": ["A1", "Li"],
        "SessionContext": str(message.id),
    }
    assert seen.headers["x-tc-action"] == "SendSms"


def test_twilio_gets_the_words_and_where_to_tell_what_became_of_them(gateway: Stub):
    gateway.says(201, {"sid": "SM1", "num_segments": "2"})
    message = outgoing(purpose="marketing", text="Hi")
    (outcome,) = made("twilio", gateway).send([message], seconds=5)
    assert outcome == Accepted("SM1", segments=2, price=Decimal("9.0"))
    (seen,) = gateway.seen
    assert seen.path == "/2010-04-01/Accounts/key/Messages.json"
    assert seen.headers["authorization"] == "Basic a2V5OnNlY3JldA=="
    assert parse_qs(seen.body.decode()) == {
        "To": ["+8613800138000"],
        "Body": ["Hi Reply STOP to opt out"],
        "From": ["Shop"],
        "StatusCallback": [
            f"https://shop.example/api/v1/channels/sms/receipts?message={message.id}"
        ],
    }


GATEWAYS = {
    "aliyun": aliyun.Aliyun(Account("k", "s", "Shop")),
    "tencent": tencent.Tencent(Account("k", "s", "Shop")),
    "twilio": twilio.Twilio(Account("k", "s", "Shop")),
}


def tencents(code: str) -> dict:
    return {"Response": {"SendStatusSet": [{"Code": code}]}}


@pytest.mark.parametrize(
    ("name", "answer", "outcome"),
    [
        ("aliyun", Answer(200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL"}),
         Refused("isv.MOBILE_NUMBER_ILLEGAL", bad_address=True)),
        ("aliyun", Answer(200, {"Code": "isv.BUSINESS_LIMIT_CONTROL"}),
         TryLater("isv.BUSINESS_LIMIT_CONTROL")),
        ("aliyun", Answer(400, {"Code": "isv.SMS_TEMPLATE_ILLEGAL"}),
         Refused("isv.SMS_TEMPLATE_ILLEGAL")),
        ("aliyun", Answer(503, None, 7.0), TryLater("http_503", after_seconds=7.0)),
        ("aliyun", Answer(200, ["?"]), Ambiguous("http_200")),
        ("tencent", Answer(200, tencents("InvalidParameterValue.IncorrectPhoneNumber")),
         Refused("InvalidParameterValue.IncorrectPhoneNumber", bad_address=True)),
        ("tencent", Answer(200, tencents("LimitExceeded.PhoneNumberDailyLimit")),
         TryLater("LimitExceeded.PhoneNumberDailyLimit")),
        ("tencent", Answer(200, {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure"}}}),
         Refused("AuthFailure.SignatureFailure")),
        ("tencent", Answer(200, {"Response": []}), Ambiguous("http_200")),
        ("twilio", Answer(400, {"code": 21211}), Refused("21211", bad_address=True)),
        ("twilio", Answer(400, {"code": 21606}), Refused("21606")),
        ("twilio", Answer(429, {"code": 20429}, 3.0), TryLater("20429", after_seconds=3.0)),
        ("twilio", Answer(200, None), Ambiguous("http_200")),
    ],
)  # fmt: skip
def test_what_a_gateway_says_is_understood(name: str, answer: Answer, outcome: object):
    assert GATEWAYS[name].outcome(answer) == outcome


def test_what_was_not_reached_was_not_sent_and_what_broke_may_have_been(gateway: Stub):
    sms = made("twilio", gateway)
    gateway.answer = lambda seen: None
    (broken,) = sms.send([outgoing()], seconds=5)
    assert isinstance(broken, Ambiguous)
    nowhere = provider.make(
        replace(SETTINGS, sms_provider="twilio", sms_endpoint="http://127.0.0.1:1")
    )
    assert nowhere is not None
    (away,) = nowhere.send([outgoing()], seconds=5)
    assert away == TryLater("ConnectError", counts=False)


def test_what_was_not_begun_in_time_comes_later(gateway: Stub):
    outcomes = made("twilio", gateway).send([outgoing() for _ in range(3)], seconds=0)
    assert outcomes == [TryLater("no_time", counts=False)] * 3
    assert gateway.seen == []


def test_many_are_sent_at_once_and_each_is_answered_for_in_its_place(gateway: Stub):
    def answer(seen):
        to = parse_qs(seen.body.decode())["To"][0]
        return 201, {}, f'{{"sid": "SM{to}"}}'.encode()

    gateway.answer = answer
    batch = [outgoing(address=f"+8613800138{n:03}") for n in range(40)]
    outcomes = made("twilio", gateway).send(batch, seconds=20)
    assert [one.ref for one in outcomes] == [f"SM{one.address}" for one in batch]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms_provider": "pigeon"},
        {"sms_provider": "twilio", "sms_secret": ""},
        {"sms_price": "free"},
        {"push_url": "https://x.example"},
        {"push_url": "https://x.example", "push_secret": "secret"},
        {"callback_secret": "whsec_short"},
        {"outgoing_allow": "everything"},
    ],
    ids=str,
)
def test_settings_that_can_not_work_are_refused_at_the_start(wrong: dict[str, str]):
    with pytest.raises(BadSetting):
        replace(SETTINGS, **wrong)


def test_without_a_gateway_there_is_no_provider():
    assert provider.make(SETTINGS) is None
