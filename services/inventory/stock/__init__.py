"""Stock (库存): sites' warehouses and the ledger of what is in them. The face of this context."""

from services.inventory.stock.errors import InsufficientStock
from services.inventory.stock.ledger import Document, Stock, StockMovement
from services.inventory.stock.site import SiteCopy, lock_site
from services.inventory.stock.store import Shelf, Store, share
from services.inventory.stock.usecases import open_store, save
from services.inventory.stock.warehouse import Quality, Warehouse

__all__ = [
    "Document",
    "InsufficientStock",
    "Quality",
    "Shelf",
    "SiteCopy",
    "Stock",
    "StockMovement",
    "Store",
    "Warehouse",
    "lock_site",
    "open_store",
    "save",
    "share",
]
