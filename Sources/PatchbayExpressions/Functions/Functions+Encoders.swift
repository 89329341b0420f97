let encoderFunctions: [Function] = []
