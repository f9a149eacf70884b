"""`up --demo`: a small company with a morning's work in it, loaded once through the API like anybody's data.

Every write carries a fixed idempotency key, so a load that was interrupted is finished by the next start, not doubled.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deploy.local.api import Answer, Api, ApiError
from deploy.local.files import write_private
from deploy.local.folder import DataFolder
from deploy.local.keys import command_line_token

BRANCHES = [("EAST", "华东分公司"), ("SOUTH", "华南分公司")]
SITES = [("SH01", "上海静安服务网点", "EAST"), ("HZ01", "杭州西湖服务网点", "EAST"), ("SZ01", "深圳南山服务网点", "SOUTH")]
ROLES = ["agent", "dispatcher", "technician", "storekeeper", "cashier", "manager"]
PEOPLE = {"SH01": "周敏", "HZ01": "陈立", "SZ01": "何俊"}
PRODUCTS = [
    ("WM-8K", "滚筒洗衣机 8 kg", "海澜", "washing machine", 36), ("DW-12", "洗碗机 12 套", "海澜", "dishwasher", 24),
    ("AC-35", "壁挂空调 3.5 kW", "凌风", "air conditioner", 72), ("CM-2", "咖啡机", "凌风", "coffee machine", 12),
]
PARTS = [
    ("PU-01", "排水泵", "个", "86.00"), ("BE-02", "轴承", "个", "25.00"), ("SE-03", "密封圈", "个", "7.55"),
    ("PCB-4", "控制板", "块", "318.00"), ("FA-05", "风扇电机", "台", "142.50"),
]
RATES = [("STD", "标准工时", "100.00"), ("EXP", "专家工时", "160.00")]
CUSTOMERS = [
    ("王芳", "138 0013 8001"), ("李伟", "138 0013 8002"), ("张静", "138 0013 8003"), ("刘洋", "138 0013 8004"),
    ("陈晨酒店", "021 6288 8001"), ("赵磊", "138 0013 8006"), ("孙悦", "138 0013 8007"), ("周涛", "138 0013 8008"),
]
# customer, product, months since purchase, problem, quoted parts, how far the order has come
STORIES: list[tuple[str, str, int, str, dict[str, int], str]] = [
    ("王芳", "WM-8K", 48, "脱水时噪音很大", {"BE-02": 2, "SE-03": 1}, "audited"),
    ("李伟", "CM-2", 3, "不加热", {"PCB-4": 1}, "completed"), ("张静", "AC-35", 20, "制冷效果差", {"FA-05": 1}, "ready"),
    ("刘洋", "DW-12", 30, "漏水", {"SE-03": 2}, "in_check"), ("陈晨酒店", "WM-8K", 60, "不排水", {"PU-01": 1}, "approved"),
    ("赵磊", "CM-2", 14, "漏电跳闸", {"PCB-4": 1}, "quoted"), ("孙悦", "AC-35", 80, "异响", {}, "started"),
    ("周涛", "DW-12", 6, "无法启动", {}, "registered"), ("王芳", "AC-35", 40, "遥控失灵", {}, "cancelled"),
]
STEPS = ["registered", "started", "quoted", "approved", "in_check", "ready", "completed", "audited"]


def is_loaded(folder: DataFolder) -> bool:
    return bool(_progress(folder).get("loaded"))


def forget(folder: DataFolder) -> None:
    """The suite was emptied: the data may be loaded again."""
    for name in ("demo.json", "demo-users"):
        (folder.path / name).unlink(missing_ok=True)


def load(folder: DataFolder, url: str) -> None:
    """Loads what is missing. Raises ``ApiError`` when the suite refuses something."""
    progress = {"started": datetime.now(UTC).date().isoformat(), **_progress(folder)}
    _write(folder, progress)
    Demo(folder, url, date.fromisoformat(progress["started"])).load()
    _write(folder, {**progress, "loaded": True})


class Demo:
    """``today``: the day of the first load, so that a second try sends the very same requests."""

    def __init__(self, folder: DataFolder, url: str, today: date) -> None:
        self.folder, self.today = folder, today
        self.api = Api(url, tokens=lambda: command_line_token(folder.signing_key, 900), patience=30.0)
        self._keys: Iterator[int] = itertools.count(1)

    def load(self) -> None:
        self._organisation()
        technicians = {code: self.post("/technicians", name=f"{name} ({code})", site_id=self.sites[code],
                                       username=f"technician.{code.lower()}")["id"] for code, name in PEOPLE.items()}
        products = {p[0]: self.post("/products", code=p[0], name=p[1], brand=p[2], category=p[3], warranty_months=p[4])["id"]
                    for p in PRODUCTS}
        self.parts = {p[0]: self.post("/parts", number=p[0], name=p[1], unit=p[2], price=p[3])["id"] for p in PARTS}
        for code, name, rate in RATES:
            self.post("/labour-rates", code=code, name=name, hourly_rate=rate)
        self._stock()
        customers = {name: self.post("/customers", name=name, phone=phone)["id"] for name, phone in CUSTOMERS}
        for number, (story, site) in enumerate(zip(STORIES, itertools.cycle(self.sites), strict=False), start=1):
            customer, product, months, problem, parts, end = story
            bought = self.today - timedelta(days=30 * months)
            device = self.post("/devices", customer_id=customers[customer], product_id=products[product],
                               serial_number=f"SN2026{number:05d}", purchased_on=bought.isoformat())
            self._order(self.sites[site], technicians[site], customers[customer], device["id"], problem, parts, end)

    def _organisation(self) -> None:
        for code, name in BRANCHES:
            self.post("/org-units", code=code, name=name, kind="branch", parent_code="HQ")
        password = self.folder.secret("demo users")
        lines = [f"password of all demo users: {password}", ""]
        self.sites: dict[str, str] = {}
        for code, name, branch in SITES:
            self.post("/org-units", code=code, name=name, kind="site", parent_code=branch)
            self.sites[code] = self.post("/sites", code=code, name=name, org_unit_code=code)["id"]
            for role in ROLES:
                username = f"{role}.{code.lower()}"
                self.post("/users", username=username, name=f"{PEOPLE[code]} ({role})", org_unit_code=code, roles=[role],
                          password=password)
                lines.append(f"{username}  {name}")
        write_private(self.folder.path / "demo-users", "\n".join(lines) + "\n")

    def _stock(self) -> None:
        for code, site in self.sites.items():
            good = self.post("/warehouses", code=f"{code}-G", name="良品仓", site_id=site, quality="good")
            self.post("/warehouses", code=f"{code}-B", name="坏件仓", site_id=site, quality="bad")
            lines = [{"part_id": part, "quantity": 10, "unit_cost": "20.00"} for part in self.parts.values()]
            self.post("/stock-receipts", warehouse_id=good["id"], lines=lines)

    def _order(
        self, site: str, technician: str, customer: str, device: str, problem: str, parts: dict[str, int], end: str
    ) -> None:
        order = self.post("/work-orders", kind="repair", channel="phone", site_id=site, problem=problem, customer_id=customer,
                          device_id=device)

        def act(action: str, **body: Any) -> Any:
            return self.post(f"/work-orders/{order['id']}/{action}", **body)

        if end == "cancelled":
            act("cancel", reason="客户已自行解决")
            return
        reached = STEPS.index(end)
        act("assign", technician_id=technician)
        if reached >= 1:
            act("start")
            act("diagnose", symptom=problem, cause="磨损", finding="已检查")
        if reached >= 2:
            quoted = [{"part_id": self.parts[number], "quantity": quantity} for number, quantity in parts.items()]
            order = act("quote", labour=[{"rate_code": "STD", "hours": 1.5}], parts=quoted)
        if reached >= 3 and order["waiting_for"] == "approval":
            act("approve", approved_by="客户")
        if reached >= 4:
            act("complete", work_done="更换零件并试机")
        if reached >= 5:
            act("check", passed=True)
        if reached >= 6:
            self._pay(order["id"])
            act("hand-over", received_by="客户")
        if reached >= 7:
            [revisit] = self._eventually("/revisits", order["id"])
            self.post(f"/revisits/{revisit['id']}/record", solved=True, score=5)
            act("audit")

    def _pay(self, order: str) -> None:
        [bill] = self._eventually("/bills", order)
        if bill["state"] == "open":
            self.post(f"/bills/{bill['id']}/payments", method="card", amount=bill["open_amount"])

    def _eventually(self, path: str, order: str) -> list[dict[str, Any]]:
        """What another service makes of the order, as soon as the event has reached it."""
        for _ in range(300):
            if found := self.api.get(path, work_order_id=order)["items"]:
                return list(found)
            time.sleep(0.1)
        raise TimeoutError(f"nothing under {path} for order {order}")

    def post(self, path: str, **body: Any) -> Any:
        """One write. What waits for another service's fact is asked again for a while."""
        key = f"demo-{next(self._keys)}"
        for _ in range(10):
            answer = self.api.call("POST", path, body, key=key)
            if answer.status != 409 or answer.code == "bad_transition":
                break
        return _document(path, answer)


def _document(path: str, answer: Answer) -> Any:
    if not answer.ok:
        raise ApiError("POST", path, answer)
    return answer.json


def _progress(folder: DataFolder) -> dict[str, Any]:
    file = folder.path / "demo.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _write(folder: DataFolder, progress: dict[str, Any]) -> None:
    write_private(folder.path / "demo.json", json.dumps(progress))
