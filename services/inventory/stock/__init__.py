"""Stock (库存): sites' warehouses and the ledger of what is in them. The face of this context."""

from services.inventory.stock.bin import Bin
from services.inventory.stock.errors import InsufficientStock, SerialConflict, SerialCount
from services.inventory.stock.ledger import Document, Stock, StockMovement
from services.inventory.stock.queries import movements_of
from services.inventory.stock.serial import Piece, Serial, Whereabouts, repeated
from services.inventory.stock.shelf import InBin, Shelf, share
from services.inventory.stock.site import SiteCopy, lock_site, lock_sites
from services.inventory.stock.store import Store
from services.inventory.stock.usecases import load_pieces, open_store, save
from services.inventory.stock.warehouse import Quality, Warehouse

__all__ = [
    "Bin",
    "Document",
    "InBin",
    "InsufficientStock",
    "Piece",
    "Quality",
    "Serial",
    "SerialConflict",
    "SerialCount",
    "Shelf",
    "SiteCopy",
    "Stock",
    "StockMovement",
    "Store",
    "Warehouse",
    "Whereabouts",
    "load_pieces",
    "lock_site",
    "lock_sites",
    "movements_of",
    "open_store",
    "repeated",
    "save",
    "share",
]
