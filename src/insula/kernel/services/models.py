"""Every table of the services, so that migrations and schema homes know them all."""

import insula.kernel.events.audit.models  # its table is made from the model
import insula.kernel.services.audit.models  # as above
import insula.kernel.services.files.resource  # as above, with its indexes
import insula.kernel.services.jobs.control  # as above, with its indexes
import insula.kernel.services.mail.resources  # as above, with its indexes
import insula.kernel.services.metering.resource  # as above, with its indexes
import insula.kernel.services.notifications.models  # as above
import insula.kernel.services.privacy.models  # as above
import insula.kernel.services.webhooks.inbound_models  # the same
import insula.kernel.services.webhooks.models  # noqa: F401  # the same
