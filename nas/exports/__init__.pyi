from .bundle import check_target as check_target
from .bundle import export_network as export_network
from .request import OPSET as OPSET
from .request import OPSETS as OPSETS
from .request import ExportRequest as ExportRequest
from .request import SplitScore as SplitScore
from .request import WeightsOrigin as WeightsOrigin
