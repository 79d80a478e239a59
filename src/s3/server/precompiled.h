#pragma once
// What nearly every verb includes, parsed once.

#include "http/server.h"
#include "net/precompiled.h"
#include "s3/proto/model_multipart.h"
#include "s3/proto/model_object.h"
#include "store/object_store.h"
