import COpenSSL
import Configuration
import GRDB
import Hummingbird
import Logging
import Metrics
import Mustache
import ServiceLifecycle
enum Stub {}
