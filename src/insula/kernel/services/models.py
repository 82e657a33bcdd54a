"""Every table of the services, so that migrations and schema homes know them all."""

import insula.kernel.database.counters  # its table is made from the model
import insula.kernel.events.audit.models  # its table is made from the model
import insula.kernel.identity.one_time  # as above
import insula.kernel.identity.signing_keys  # the operator's
import insula.kernel.identity.throttle_rows  # as above, and the operators'
import insula.kernel.services.access.resources  # as above, with its indexes
import insula.kernel.services.accounts.resource  # as above, with its indexes
import insula.kernel.services.analytics.models  # as above
import insula.kernel.services.audit.models  # as above
import insula.kernel.services.bulk.runs  # as above, with its indexes
import insula.kernel.services.comments.resource  # as above, with its indexes
import insula.kernel.services.contacts.resource  # as above, with its indexes
import insula.kernel.services.custom.resource  # as above, with its indexes
import insula.kernel.services.exporting.models  # as above, with its indexes
import insula.kernel.services.factors.models  # as above
import insula.kernel.services.federation.domains  # as above, with its indexes
import insula.kernel.services.federation.providers  # as above, with its indexes
import insula.kernel.services.files.resource  # as above, with its indexes
import insula.kernel.services.idempotency.models  # as above
import insula.kernel.services.importing.models  # as above, with its indexes
import insula.kernel.services.jobs.control  # as above, with its indexes
import insula.kernel.services.keys.manifest  # as above, with its indexes
import insula.kernel.services.linking.models  # the operators'
import insula.kernel.services.mail.resources  # as above, with its indexes
import insula.kernel.services.merging.merges  # as above, with its indexes
import insula.kernel.services.metering.resource  # as above, with its indexes
import insula.kernel.services.notifications.models  # as above
import insula.kernel.services.oauth.clients  # as above, with its indexes
import insula.kernel.services.privacy.models  # as above
import insula.kernel.services.saved_views.resource  # as above, with its indexes
import insula.kernel.services.scim.resources  # as above, with its indexes
import insula.kernel.services.support.models  # the operators'
import insula.kernel.services.tags.resource  # as above, with its indexes
import insula.kernel.services.timeline.models  # as above
import insula.kernel.services.webhooks.inbound_models  # the same
import insula.kernel.services.webhooks.models  # noqa: F401  # the same
