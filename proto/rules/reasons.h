// Reasons say to programs why something was refused or ended: google.rpc.ErrorInfo.reason, and
// `reason` and `error_reason` of events and of the worker protocol. One cause has one name,
// whichever program finds it. They are a contract: clients compare them, journals keep them. People
// read the message.
//
// core knows no protocol and none of these words: what kind of fault a layer has is an enumeration
// of its own (core/model/layer_fault.h), which the bridge turns into a reason.
#ifndef DESCENT_PROTO_RULES_REASONS_H_
#define DESCENT_PROTO_RULES_REASONS_H_

namespace descent::reason {

// ---------------------------------------------------------------------- Of any request
inline constexpr char kConflict[] = "CONFLICT";  // two fields, or a field and the data, disagree
inline constexpr char kInvalidField[] = "INVALID_FIELD";      // where no other says more
inline constexpr char kInvalidRequest[] = "INVALID_REQUEST";  // seen without any job; which fields
inline constexpr char kMissingField[] = "MISSING_FIELD";
inline constexpr char kOutOfRange[] = "OUT_OF_RANGE";
inline constexpr char kShuttingDown[] = "SHUTTING_DOWN";
inline constexpr char kTooLarge[] = "TOO_LARGE";
inline constexpr char kUnknownField[] = "UNKNOWN_FIELD";
inline constexpr char kUnknownName[] = "UNKNOWN_NAME";  // of nothing that the spec has
inline constexpr char kUnsupported[] = "UNSUPPORTED";   // by this worker, or in this place

// -------------------------------------------------------------------------- Of callers
inline constexpr char kAuthOff[] = "AUTH_OFF";               // no tokens: descentd --auth none
inline constexpr char kNotYours[] = "NOT_YOURS";             // it is somebody else's
inline constexpr char kRoleTooLow[] = "ROLE_TOO_LOW";        // the caller may not do such things
inline constexpr char kTokenNotFound[] = "TOKEN_NOT_FOUND";  // for those who manage them
inline constexpr char kTooManyCalls[] = "TOO_MANY_CALLS";    // that wait for an answer
inline constexpr char kTooManyTokens[] = "TOO_MANY_TOKENS";  // or sessions, or codes
inline constexpr char kTooManyWatches[] = "TOO_MANY_WATCHES";
inline constexpr char kUnauthenticated[] = "UNAUTHENTICATED";  // no token, or none that is good

// ------------------------------------------------------------------ Of jobs and requests
inline constexpr char kCursorOutOfRange[] = "CURSOR_OUT_OF_RANGE";
inline constexpr char kDiskFull[] = "DISK_FULL";  // for now: it is tried again
inline constexpr char kInvalidFilter[] = "INVALID_FILTER";
inline constexpr char kInvalidJobId[] = "INVALID_JOB_ID";
inline constexpr char kInvalidName[] = "INVALID_NAME";
inline constexpr char kInvalidPageToken[] = "INVALID_PAGE_TOKEN";
inline constexpr char kInvalidPrincipal[] = "INVALID_PRINCIPAL";
inline constexpr char kJobExists[] = "JOB_EXISTS";
inline constexpr char kJobNotFinished[] = "JOB_NOT_FINISHED";
inline constexpr char kJobNotFound[] = "JOB_NOT_FOUND";
inline constexpr char kJournalDamaged[] = "JOURNAL_DAMAGED";
inline constexpr char kRequestIdReused[] = "REQUEST_ID_REUSED";
inline constexpr char kStoreFailed[] = "STORE_FAILED";  // until descentd is started again
inline constexpr char kStoreLocked[] = "STORE_LOCKED";  // by another program, for now
inline constexpr char kTooManyJobs[] = "TOO_MANY_JOBS";

// ------------------------------------------------------------------------- Of datasets
inline constexpr char kChecksumMismatch[] = "CHECKSUM_MISMATCH";  // of a chunk, or a whole file
inline constexpr char kDatasetExists[] = "DATASET_EXISTS";        // with other content
inline constexpr char kDatasetInUse[] = "DATASET_IN_USE";         // by a job that is not over
inline constexpr char kDatasetNotFound[] = "DATASET_NOT_FOUND";
inline constexpr char kInvalidManifest[] = "INVALID_MANIFEST";
inline constexpr char kOffsetMismatch[] = "OFFSET_MISMATCH";  // the next chunk's is another
inline constexpr char kQuotaExceeded[] = "QUOTA_EXCEEDED";    // --dataset_quota
inline constexpr char kTooManyDatasets[] = "TOO_MANY_DATASETS";

// ------------------------------------------------------------------------- Of commands
inline constexpr char kAmbiguousDial[] = "AMBIGUOUS_DIAL";
inline constexpr char kIterationPassed[] = "ITERATION_PASSED";
inline constexpr char kJobFinished[] = "JOB_FINISHED";  // before the request came: never accepted
inline constexpr char kRunEnded[] = "RUN_ENDED";  // after it was accepted, before its iteration
inline constexpr char kTooManyOpenRequests[] = "TOO_MANY_OPEN_REQUESTS";
inline constexpr char kUnknownCommand[] = "UNKNOWN_COMMAND";
inline constexpr char kUnknownDial[] = "UNKNOWN_DIAL";

// ---------------------------------------------------------------------- Of a failed run
inline constexpr char kAttemptsExhausted[] = "ATTEMPTS_EXHAUSTED";
inline constexpr char kCheckpointFailed[] = "CHECKPOINT_FAILED";
inline constexpr char kDataChanged[] = "DATA_CHANGED";
inline constexpr char kDiverged[] = "DIVERGED";
inline constexpr char kEvaluationFailed[] = "EVALUATION_FAILED";
inline constexpr char kPreparationFailed[] = "PREPARATION_FAILED";
inline constexpr char kStepFailed[] = "STEP_FAILED";
inline constexpr char kUnreadableMessage[] = "UNREADABLE_MESSAGE";

// ----------------------------------------------------------- Of workers and predictions
inline constexpr char kCheckpointNotFound[] = "CHECKPOINT_NOT_FOUND";
inline constexpr char kCheckpointUnreadable[] = "CHECKPOINT_UNREADABLE";
inline constexpr char kInternal[] = "INTERNAL";
inline constexpr char kNoCheckpoint[] = "NO_CHECKPOINT";
inline constexpr char kNoModel[] = "NO_MODEL";
inline constexpr char kNoSuchForm[] = "NO_SUCH_FORM";
inline constexpr char kPredictionFailed[] = "PREDICTION_FAILED";
inline constexpr char kValidationTooLong[] = "VALIDATION_TOO_LONG";
inline constexpr char kWorkerDied[] = "WORKER_DIED";

// --------------------------------------------------------------------------- Of a spec
inline constexpr char kBatchOfOne[] = "BATCH_OF_ONE";
inline constexpr char kDuplicateName[] = "DUPLICATE_NAME";
inline constexpr char kFileDamaged[] = "FILE_DAMAGED";
inline constexpr char kFileNotFound[] = "FILE_NOT_FOUND";
inline constexpr char kFileUnreadable[] = "FILE_UNREADABLE";
inline constexpr char kInvalidData[] = "INVALID_DATA";
inline constexpr char kInvalidGraph[] = "INVALID_GRAPH";
inline constexpr char kInvalidInitializer[] = "INVALID_INITIALIZER";
inline constexpr char kInvalidModel[] = "INVALID_MODEL";
inline constexpr char kInvalidOptimizer[] = "INVALID_OPTIMIZER";
inline constexpr char kInvalidPath[] = "INVALID_PATH";
inline constexpr char kInvalidSpec[] = "INVALID_SPEC";
inline constexpr char kInvalidSpecText[] = "INVALID_SPEC_TEXT";  // YAML, JSON, textproto
inline constexpr char kInvalidSystem[] = "INVALID_SYSTEM";
inline constexpr char kLabelOutOfRange[] = "LABEL_OUT_OF_RANGE";
inline constexpr char kNestingTooDeep[] = "NESTING_TOO_DEEP";
inline constexpr char kShapeMismatch[] = "SHAPE_MISMATCH";
inline constexpr char kTooFewExamples[] = "TOO_FEW_EXAMPLES";
inline constexpr char kUnknownMetric[] = "UNKNOWN_METRIC";
inline constexpr char kUnused[] = "UNUSED";

// ---------------------------------------------------------------------- Of connections
inline constexpr char kCannotListen[] = "CANNOT_LISTEN";
inline constexpr char kForeignHost[] = "FOREIGN_HOST";
inline constexpr char kForeignOrigin[] = "FOREIGN_ORIGIN";
inline constexpr char kInvalidAddress[] = "INVALID_ADDRESS";
inline constexpr char kInvalidContentType[] = "INVALID_CONTENT_TYPE";
inline constexpr char kInvalidHttp[] = "INVALID_HTTP";
inline constexpr char kInvalidJson[] = "INVALID_JSON";
inline constexpr char kInvalidTarget[] = "INVALID_TARGET";
inline constexpr char kMethodNotAllowed[] = "METHOD_NOT_ALLOWED";
inline constexpr char kNoSuchPath[] = "NO_SUCH_PATH";
inline constexpr char kPortInUse[] = "PORT_IN_USE";
inline constexpr char kRepeatedHeader[] = "REPEATED_HEADER";
inline constexpr char kRequestTimeout[] = "REQUEST_TIMEOUT";
inline constexpr char kInvalidToken[] = "INVALID_TOKEN";     // a client's own
inline constexpr char kTokenNeedsTls[] = "TOKEN_NEEDS_TLS";  // a client's own
inline constexpr char kStillWaiting[] = "STILL_WAITING";
inline constexpr char kTooManyConnections[] = "TOO_MANY_CONNECTIONS";

}  // namespace descent::reason

#endif  // DESCENT_PROTO_RULES_REASONS_H_
