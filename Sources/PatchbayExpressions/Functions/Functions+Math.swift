let mathFunctions: [Function] = []
